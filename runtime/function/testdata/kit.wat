;; A guest without a kit: what it does is in the path of its request.
(module
  (import "edgehive:host" "input_size" (func $input_size (param i32) (result i32)))
  (import "edgehive:host" "input_read" (func $input_read (param i32 i32 i32 i32) (result i32)))
  (import "edgehive:host" "output_head" (func $output_head (param i32 i32) (result i32)))
  (import "edgehive:host" "output_write" (func $output_write (param i32 i32) (result i32)))
  (import "edgehive:host" "output_flush" (func $output_flush (result i32)))
  (import "edgehive:host" "call" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "edgehive:host" "result_size" (func $result_size (param i32) (result i32)))
  (import "edgehive:host" "result_read" (func $result_read (param i32 i32 i32 i32) (result i32)))
  (import "edgehive:host" "log" (func $log (param i32 i32 i32)))
  (import "edgehive:host" "fail" (func $fail (param i32 i32)))
  (import "edgehive:host" "time" (func $time (result i64)))
  (import "edgehive:host" "random" (func $random (param i32 i32)))
  (memory (export "memory") 2 64)
  (global $counter (mut i32) (i32.const 0))
  (global $wide (mut i64) (i64.const 7))
  (global $float (mut f64) (f64.const 0.5))
  (data (i32.const 64) "{\"status\": 201, \"headers\": {\"Content-Type\": \"text/plain\", \"X-Two\": [\"a\", \"b\"]}}")
  (data (i32.const 256) "hello from _initialize is not here yet")

  (func (export "_initialize")
    (memory.fill (i32.const 256) (i32.const 65) (i32.const 16)) ;; AAAA...
    (global.set $counter (i32.const 100)))

  ;; nothing: the cheapest call there is
  (func (export "edgehive_handle") (result i32) (i32.const 0))

  ;; answers with the event, then a line, then the body
  (func (export "echo") (result i32)
    (local $n i32)
    (drop (call $output_head (i32.const 64) (i32.const 79)))
    (local.set $n (call $input_read (i32.const 0) (i32.const 0) (i32.const 4096) (i32.const 16384)))
    (drop (call $output_write (i32.const 4096) (local.get $n)))
    (i32.store8 (i32.const 4096) (i32.const 10))
    (drop (call $output_write (i32.const 4096) (i32.const 1)))
    (local.set $n (call $input_read (i32.const 1) (i32.const 0) (i32.const 4096) (i32.const 65536)))
    (drop (call $output_write (i32.const 4096) (local.get $n)))
    (i32.const 0))

  ;; answers with the body
  (func (export "body") (result i32)
    (local $n i32)
    (local.set $n (call $input_read (i32.const 1) (i32.const 0) (i32.const 4096) (i32.const 120000)))
    (drop (call $output_write (i32.const 4096) (local.get $n)))
    (i32.const 0))

  ;; three pieces, each sent at once
  (func (export "stream") (result i32)
    (drop (call $output_head (i32.const 64) (i32.const 79)))
    (drop (call $output_write (i32.const 256) (i32.const 4)))
    (drop (call $output_flush))
    (drop (call $output_write (i32.const 256) (i32.const 5)))
    (drop (call $output_flush))
    (drop (call $output_write (i32.const 256) (i32.const 6)))
    (i32.const 0))

  ;; an operation: the body is its name, "name head" with a space between
  (func (export "operate") (result i32)
    (local $n i32) (local $space i32) (local $refused i32)
    (local.set $n (call $input_read (i32.const 1) (i32.const 0) (i32.const 4096) (i32.const 65536)))
    (block $found
      (loop $next
        (br_if $found (i32.eq (i32.load8_u (i32.add (i32.const 4096) (local.get $space))) (i32.const 32)))
        (local.set $space (i32.add (local.get $space) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $space) (local.get $n)))))
    (local.set $refused (call $call (i32.const 4096) (local.get $space)
      (i32.add (i32.const 4097) (local.get $space)) (i32.sub (local.get $n) (i32.add (local.get $space) (i32.const 1)))
      (i32.const 256) (i32.const 4)))
    (i32.store8 (i32.const 512) (i32.add (i32.const 48) (local.get $refused)))
    (drop (call $output_write (i32.const 512) (i32.const 1)))
    (local.set $n (call $result_read (i32.const 0) (i32.const 0) (i32.const 4096) (i32.const 65536)))
    (drop (call $output_write (i32.const 4096) (local.get $n)))
    (local.set $n (call $result_read (i32.const 1) (i32.const 0) (i32.const 4096) (i32.const 65536)))
    (drop (call $output_write (i32.const 4096) (local.get $n)))
    (i32.const 0))

  ;; logs the body, at level 2, then fails with a message
  (func (export "fails") (result i32)
    (local $n i32)
    (local.set $n (call $input_read (i32.const 1) (i32.const 0) (i32.const 4096) (i32.const 65536)))
    (call $log (i32.const 2) (i32.const 4096) (local.get $n))
    (drop (call $output_write (i32.const 256) (i32.const 4)))
    (call $fail (i32.const 4096) (local.get $n))
    (i32.const 3))

  ;; flushes, then traps
  (func $inner (unreachable))
  (func (export "traps_after_flush") (result i32)
    (drop (call $output_write (i32.const 256) (i32.const 4)))
    (drop (call $output_flush))
    (call $inner)
    (i32.const 0))

  ;; gives what state there is, and then leaves a secret wherever it can
  (func (export "state") (result i32)
    (local $grown i32) (local $at i32) (local $sum i64)
    ;; the sum of all memory from 0 on but what is being written to
    (loop $next
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
    (i64.store (i32.const 1024) (local.get $sum))
    (i32.store (i32.const 1032) (memory.size))
    (i32.store (i32.const 1036) (global.get $counter))
    (i64.store (i32.const 1040) (global.get $wide))
    (f64.store (i32.const 1048) (global.get $float))
    ;; what grows must be zero
    (local.set $grown (memory.grow (i32.const 20)))
    (local.set $at (i32.shl (local.get $grown) (i32.const 16)))
    (local.set $sum (i64.const 0))
    (loop $next
      (local.set $sum (i64.or (local.get $sum) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
    (i64.store (i32.const 1056) (local.get $sum))
    (drop (call $output_write (i32.const 1024) (i32.const 40)))
    ;; the secret
    (memory.fill (i32.const 0) (i32.const 83) (i32.shl (memory.size) (i32.const 16)))
    (global.set $counter (i32.const 83))
    (global.set $wide (i64.const 83))
    (global.set $float (f64.const 83))
    (i32.const 0))
)
