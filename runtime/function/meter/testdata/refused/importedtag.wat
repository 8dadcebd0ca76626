(module (import "env" "tag" (tag)))
