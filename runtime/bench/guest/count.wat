;; Answers how often it was called, as far as its own memory and globals tell: always
;; once.
(module
  (import "edgehive:host" "output_write" (func $write (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "edgehive_handle") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store8 (i32.const 65000) (i32.add (i32.load8_u (i32.const 65000)) (i32.const 1)))
    (i32.store8 (i32.const 0) (i32.add (i32.const 48) (global.get $calls)))
    (i32.store8 (i32.const 1) (i32.add (i32.const 48) (i32.load8_u (i32.const 65000))))
    (call $write (i32.const 0) (i32.const 2))))
