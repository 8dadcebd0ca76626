(module (type $t (func)) (func (param (ref $t)) (call_ref (local.get 0))))
