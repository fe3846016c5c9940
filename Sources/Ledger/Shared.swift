/// An immutable value that its copies share (a box): to copy it is to count a reference.
final class Shared<Value: Sendable & Hashable>: Sendable, Hashable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }

    static func == (one: Shared, other: Shared) -> Bool {
        one === other || one.value == other.value
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(value)
    }
}
