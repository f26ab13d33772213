//! Type names for people.

/// "Vec<Config>" of "alloc::vec::Vec<notebook::Config>": paths lose all but their last name, and lifetimes that are not named, which only newer
/// compilers write, go.
pub fn short(full: &str) -> String {
    let mut out = String::with_capacity(full.len());
    let mut path = 0; // where the path that is being copied began
    let mut chars = full.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == ':' && full[at..].starts_with("::") {
            chars.next();
            // What follows `<T as Trait>` is no path that could be cut.
            if !out.ends_with('>') {
                out.truncate(path);
                continue;
            }
            out.push_str("::");
            path = out.len();
            continue;
        }
        out.push(c);
        if !(c.is_alphanumeric() || c == '_' || c == '#') {
            path = out.len();
        }
    }
    out.replace("<'_>", "").replace("'_, ", "")
}
