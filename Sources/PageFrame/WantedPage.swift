import HTTPEndpoint

/// Where somebody is led who has signed in: what they wanted, if that is an address of ours.
package enum WantedPage {
    /// - Parameter home: where to if nothing of ours was wanted.
    package static func location(_ text: String?, otherwise home: String = "/account") -> String {
        let local = /\/[A-Za-z0-9_\-][A-Za-z0-9_\-\/]*(\?[A-Za-z0-9_\-.=&%]*)?/
        guard let text, text.utf8.count <= 1000, text.wholeMatch(of: local) != nil else {
            return home
        }
        return text
    }

    /// The address of a page on the way in, which leads on to what was wanted.
    package static func way(_ path: String, to next: String?) -> String {
        guard let next, !next.isEmpty else { return path }
        return path + "?next=" + QueryString.encode(next)
    }
}

extension Visit {
    /// The page that was wanted, as the form has it that was refused; else as the address has it.
    package func wanted(_ next: String?) -> String? { attempt?.typed["next"] ?? next }
}
