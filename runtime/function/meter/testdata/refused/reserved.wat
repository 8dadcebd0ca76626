(module (func (export "edgehive:meter.fuel")))
