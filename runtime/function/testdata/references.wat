;; a global that refers to a function
(module
  (global $g (mut funcref) (ref.null func))
  (elem declare func $f)
  (func $f)
  (func (export "edgehive_handle") (result i32)
    (if (i32.eqz (ref.is_null (global.get $g))) (then (return (i32.const 1))))
    (global.set $g (ref.func $f))
    (i32.const 0)))
