// Package javascript runs functions that are written in JavaScript, without a
// build step: QuickJS-NG, compiled to WebAssembly, in an instance of its own for
// each script, with a prelude that gives scripts what they know from the web
// (Request, Response, fetch, URL, crypto) and the kit `edgehive`.
//
// The host compiles Engine once and links it (Link). For each script it makes an
// instance, loads the script into it (Prepare), and keeps the memory: that image
// is what every call begins with, so that a call pays neither for the start of
// the engine nor for that of the script (Image.Bind, Instance.Call).
//
// It is a convention of package function, which alone uses it.
package javascript
