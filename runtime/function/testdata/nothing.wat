(module (func (export "other") (param i32)))
