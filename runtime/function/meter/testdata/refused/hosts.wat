(module (import "edgehive:meter" "tick" (func)))
