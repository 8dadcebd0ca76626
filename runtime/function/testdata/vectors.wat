;; a global of 128 bits
(module
  (global $g (mut v128) (v128.const i64x2 7 9))
  (func (export "edgehive_handle") (result i32)
    (if (i64.ne (i64x2.extract_lane 1 (global.get $g)) (i64.const 9)) (then (return (i32.const 1))))
    (global.set $g (v128.const i64x2 83 83))
    (i32.const 0)))
