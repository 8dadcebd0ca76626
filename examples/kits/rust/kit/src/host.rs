//! What the host gives: see functions-abi.md.

#[cfg(target_arch = "wasm32")]
mod raw {
    #[link(wasm_import_module = "edgehive:host")]
    extern "C" {
        pub fn input_size(part: u32) -> u32;
        pub fn input_read(part: u32, offset: u32, to: *mut u8, size: usize) -> u32;
        pub fn output_head(head: *const u8, size: usize) -> u32;
        pub fn output_write(data: *const u8, size: usize) -> u32;
        pub fn output_flush() -> u32;
        pub fn call(op: *const u8, op_size: usize, head: *const u8, head_size: usize, body: *const u8, body_size: usize) -> u32;
        pub fn result_size(part: u32) -> u32;
        pub fn result_read(part: u32, offset: u32, to: *mut u8, size: usize) -> u32;
        pub fn log(level: u32, text: *const u8, size: usize);
        pub fn fail(text: *const u8, size: usize);
        pub fn time() -> i64;
        pub fn random(to: *mut u8, size: usize);
    }
}

/// Outside of WebAssembly there is no host: a function's own code can be compiled and
/// tested, and what it asks of the host is refused.
#[cfg(not(target_arch = "wasm32"))]
mod raw {
    pub unsafe fn input_size(_: u32) -> u32 {
        0
    }
    pub unsafe fn input_read(_: u32, _: u32, _: *mut u8, _: usize) -> u32 {
        0
    }
    pub unsafe fn output_head(_: *const u8, _: usize) -> u32 {
        1
    }
    pub unsafe fn output_write(_: *const u8, _: usize) -> u32 {
        1
    }
    pub unsafe fn output_flush() -> u32 {
        1
    }
    pub unsafe fn call(_: *const u8, _: usize, _: *const u8, _: usize, _: *const u8, _: usize) -> u32 {
        1
    }
    pub unsafe fn result_size(_: u32) -> u32 {
        0
    }
    pub unsafe fn result_read(_: u32, _: u32, _: *mut u8, _: usize) -> u32 {
        0
    }
    pub unsafe fn log(_: u32, _: *const u8, _: usize) {}
    pub unsafe fn fail(_: *const u8, _: usize) {}
    pub unsafe fn time() -> i64 {
        0
    }
    pub unsafe fn random(_: *mut u8, _: usize) {}
}

fn read(size: u32, read: impl Fn(*mut u8, usize) -> u32) -> Vec<u8> {
    let mut data = vec![0; size as usize];
    let length = if size == 0 { 0 } else { read(data.as_mut_ptr(), data.len()) };
    data.truncate(length as usize);
    data
}

pub fn input(part: u32) -> Vec<u8> {
    unsafe { read(raw::input_size(part), |to, size| raw::input_read(part, 0, to, size)) }
}

pub fn result(part: u32) -> Vec<u8> {
    unsafe { read(raw::result_size(part), |to, size| raw::result_read(part, 0, to, size)) }
}

pub fn call(op: &str, head: &str, body: &[u8]) -> bool {
    unsafe { raw::call(op.as_ptr(), op.len(), head.as_ptr(), head.len(), body.as_ptr(), body.len()) == 0 }
}

pub fn output_head(head: &str) -> bool {
    unsafe { raw::output_head(head.as_ptr(), head.len()) == 0 }
}

pub fn output_write(data: &[u8]) -> bool {
    data.is_empty() || unsafe { raw::output_write(data.as_ptr(), data.len()) == 0 }
}

pub fn output_flush() -> bool {
    unsafe { raw::output_flush() == 0 }
}

pub fn log(level: u32, text: &str) {
    unsafe { raw::log(level, text.as_ptr(), text.len()) }
}

pub fn fail(text: &str) {
    unsafe { raw::fail(text.as_ptr(), text.len()) }
}

pub fn time() -> i64 {
    unsafe { raw::time() }
}

pub fn random(to: &mut [u8]) {
    if !to.is_empty() {
        unsafe { raw::random(to.as_mut_ptr(), to.len()) }
    }
}
