;; a start function that calls its host, before there is an answer
(module
  (import "edgehive:host" "output_write" (func $write (param i32 i32) (result i32)))
  (import "edgehive:host" "log" (func $log (param i32 i32 i32)))
  (import "edgehive:host" "call" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "edgehive:host" "output_flush" (func $flush (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "begun")
  (start $s)
  (func $s
    (drop (call $write (i32.const 0) (i32.const 5)))
    (drop (call $flush))
    (drop (call $call (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
    (call $log (i32.const 1) (i32.const 0) (i32.const 5))
    (drop (memory.grow (i32.const 3))))
  (func (export "edgehive_handle") (result i32) (memory.size)))
