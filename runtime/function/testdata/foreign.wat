(module (import "env" "system" (func (param i32) (result i32))) (import "edgehive:host" "time" (func (result i32))) (func (export "edgehive_handle") (param i32) (result i32) (i32.const 0)))
