// Package meter reads WebAssembly core modules that nobody vouches for, and
// rewrites them so that they can be stopped, bounded and reset: every loop and
// every call pays from a budget that the host refills, recursion pays from another
// that stands for stack, the memory's size is capped, and every mutable global is
// exported. It runs nothing and knows no runtime; whatever it lets through is
// still validated by the one that compiles it.
package meter
