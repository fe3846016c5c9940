import HTTPEndpoint

extension SitePageFrame {
    /// The address of a page with a form: where it is seen and where its form is sent to.
    package func form<P: FormPage>(_ path: String, _ page: P) -> [Endpoint] {
        [Endpoint(path, page, in: self), Endpoint(formOf: page, path, in: self)]
    }
}
