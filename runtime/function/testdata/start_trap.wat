(module (start $s) (func $s (unreachable)) (func (export "edgehive_handle") (result i32) (i32.const 0)))
