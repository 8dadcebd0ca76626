;; SIMD, with opcodes of one byte and of two.
(module
  (memory 1)
  (func (export "sum") (param i32) (result i32) (local v128)
    (v128.store (i32.const 0) (v128.const i32x4 1 2 3 4))
    (loop $l
      (local.set 1 (i32x4.add (local.get 1) (v128.load (i32.const 0))))
      (local.set 1 (i16x8.abs (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get 1) (local.get 1))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32x4.extract_lane 3 (i32x4.trunc_sat_f64x2_s_zero (f64x2.convert_low_i32x4_s (local.get 1))))
    (i32.add (i32x4.extract_lane 2 (local.get 1))))
  (func (export "lane") (result i64)
    (i64x2.extract_lane 1 (v128.load32_lane offset=4 3 (i32.const 4) (i64x2.splat (i64.const 77))))))
