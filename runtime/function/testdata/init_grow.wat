(module (memory 1) (func (export "_initialize") (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)) (func (export "edgehive_handle") (result i32) (i32.const 0)))
