/// The seats that a holder has here.
package struct HeldSeats: Sendable, Equatable {
    package let count: Int64
    /// Fewer, from the next period on; `nil` where no fewer follow.
    package let pending: Int64?

    package init(count: Int64, pending: Int64?) {
        self.count = count
        self.pending = pending
    }
}
