(module (memory 1) (func (export "memory")))
