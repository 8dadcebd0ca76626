;; A loop before anything is called.
(module (func $s (loop $l (br $l))) (start $s))
