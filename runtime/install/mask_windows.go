package install

// usualMask has nothing to do: there is no mask.
func usualMask() func() { return func() {} }
