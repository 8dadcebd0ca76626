;; A table that would grow to 16 MB.
(module
  (table $u 4 funcref)
  (func (export "far") (result i32) (table.grow $u (ref.null func) (i32.const 2000000))))
