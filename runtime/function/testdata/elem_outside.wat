(module (table 1 funcref) (elem (i32.const 5) $f) (func $f) (func (export "edgehive_handle") (result i32) (i32.const 0)))
