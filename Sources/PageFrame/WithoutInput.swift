import HTTPEndpoint

extension Page where Input == Void {
    /// The address of most pages is all that they read.
    package func read(_ input: inout InputReader) {}
}

extension FormPage where Form == Void {
    /// A button has no fields.
    package func read(form: inout InputReader) {}
}
