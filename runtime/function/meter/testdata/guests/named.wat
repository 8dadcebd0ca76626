;; A trap whose stack is told by names.
(module $guest
  (import "env" "one" (func $one (param i32)))
  (import "env" "two" (func $two))
  (func $first (export "first") (param $x i32) (local $y i32) (call $one (local.get $x)) (call $second))
  (func $second (call $two) (call $third))
  (func $third unreachable))
