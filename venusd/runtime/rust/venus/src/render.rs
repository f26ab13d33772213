//! How a value is shown.

/// Implement it for a type to choose how its values are shown; without it a value shows as its `Debug`, else as its type's name.
pub trait Render {
    /// Plain text.
    fn render_text(&self) -> String;

    /// HTML, shown by front ends that can.
    fn render_html(&self) -> Option<String> {
        None
    }

    /// A picture: the bytes of a PNG file, or of an SVG document.
    fn render_image(&self) -> Option<Vec<u8>> {
        None
    }

    /// Data for programs, as JSON.
    fn render_data(&self) -> Option<String> {
        None
    }

    /// The text inside a collection, where a string needs its quotes.
    #[doc(hidden)]
    fn __inner(&self) -> String {
        self.render_text()
    }

    /// The cells of a table's row, for what has parts in a row.
    #[doc(hidden)]
    fn __row(&self) -> Option<Vec<String>> {
        None
    }

    /// The named cells of a table's row, for what has parts with names.
    #[doc(hidden)]
    fn __record(&self) -> Option<Vec<(String, String)>> {
        None
    }
}

/// What kind of picture this is: "image/svg+xml" for text that is SVG, else by its first bytes.
pub fn image_mime(bytes: &[u8]) -> &'static str {
    const KINDS: [(&[u8], &str); 4] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"RIFF", "image/webp"),
    ];
    if let Some(kind) = KINDS.iter().find(|kind| bytes.starts_with(kind.0)) {
        return kind.1;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains("<svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
