/// A failure that is told to the operator in one line.
package struct FriendlyError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
