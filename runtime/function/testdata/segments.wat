;; a segment that one call drops is there in the next
(module
  (memory (export "memory") 1)
  (data $d "secret")
  (func (export "edgehive_handle") (result i32)
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 6))
    (data.drop $d)
    (i32.const 0)))
