//! Lets the test binaries of this crate find the libpython they were linked with, wherever it is installed. The extension module itself
//! is not linked with it: maturin sees to that.

fn main() {
    pyo3_build_config::add_libpython_rpath_link_args();
}
