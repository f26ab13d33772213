//! Cells that use files through Rust's standard library. The working directory is that of files.c.
use std::ffi::{c_void, CString};
use std::fs::{self, File, OpenOptions};
use std::os::raw::c_char;
use std::path::Path;
use std::process::Command;

#[repr(C)]
pub struct Glue {
    type_name: *const c_char,
    encodable: bool,
    interior: bool,
    drop_panics: bool,
}
unsafe impl Sync for Glue {}

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static text_glue: Glue =
    Glue { type_name: b"Text\0".as_ptr() as *const c_char, encodable: true, interior: false, drop_panics: false };

extern "C" {
    fn plain_text(frame: *mut c_void, text: *const c_char);
}

fn tell(frame: *mut c_void, text: String) {
    let text = CString::new(text).unwrap();
    unsafe { plain_text(frame, text.as_ptr()) }
}

macro_rules! cells {
    ($($name:ident => $body:expr;)*) => {$(
        #[no_mangle]
        pub extern "C" fn $name(frame: *mut c_void) {
            tell(frame, format!("{:?}", $body));
        }
    )*};
}

cells! {
    r_read => fs::read("in.txt").unwrap().len();
    r_read_to_string => fs::read_to_string("in.txt").unwrap();
    r_open => File::open("in.txt").unwrap().metadata().unwrap().len();
    r_open_missing => File::open("none").is_err();
    r_open_options => OpenOptions::new().read(true).write(true).create(true).open("in.txt").is_ok();
    r_append => OpenOptions::new().append(true).create(true).open("log").is_ok();
    r_create => File::create("new").is_ok();
    r_metadata => fs::metadata("in.txt").unwrap().len();
    r_symlink_metadata => fs::symlink_metadata("link").unwrap().file_type().is_symlink();
    r_exists => (Path::new("in.txt").exists(), Path::new("none").exists(), Path::new("sub").is_dir());
    r_try_exists => Path::new("none").try_exists().unwrap();
    r_read_dir => fs::read_dir("sub").unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    r_entry_metadata => fs::read_dir("sub").unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum::<u64>();
    r_read_dir_missing => fs::read_dir("none").is_err();
    r_canonicalize => fs::canonicalize("link").unwrap().ends_with("in.txt");
    r_read_link => fs::read_link("link").unwrap();
    r_copy => fs::copy("in.txt", "copy.txt").unwrap();
    r_write => fs::write("out.txt", "abc").is_ok();
    r_rename => fs::rename("in.txt", "moved.txt").is_ok();
    r_remove_file => fs::remove_file("in.txt").is_ok();
    r_create_dir_all => fs::create_dir_all("x/y").is_ok();
    r_remove_dir => (fs::create_dir("d").is_ok(), fs::remove_dir("d").is_ok());
    r_remove_dir_all => fs::remove_dir_all("sub").is_ok();
    r_hard_link => fs::hard_link("in.txt", "hard").is_ok();
    r_symlink => std::os::unix::fs::symlink("in.txt", "soft").is_ok();
    r_permissions => fs::set_permissions("in.txt", fs::metadata("sub").unwrap().permissions()).is_ok();
    r_folder => {
        std::env::set_current_dir("sub").unwrap();
        fs::read_to_string("a.txt").unwrap()
    };
    r_thread => std::thread::spawn(|| fs::read("in.txt").unwrap().len()).join().unwrap();
    r_command => Command::new("true").status().unwrap().success();
    r_hash_map => (0..100).collect::<std::collections::HashSet<i32>>().len();
}

/// Recursion as deep as the stack lets it be, with the compiler's own probes.
#[no_mangle]
pub extern "C" fn r_overflow(frame: *mut c_void) {
    tell(frame, dig(u64::MAX).to_string());
}

fn dig(left: u64) -> u64 {
    let room = [left; 512];
    let room = unsafe { std::ptr::read_volatile(&&room) };
    match left {
        0 => room[7],
        _ => dig(left - 1) + room[9],
    }
}

#[no_mangle]
pub extern "C" fn r_thread_overflow(frame: *mut c_void) {
    let thread = std::thread::spawn(|| dig(u64::MAX));
    tell(frame, thread.join().unwrap().to_string());
}
