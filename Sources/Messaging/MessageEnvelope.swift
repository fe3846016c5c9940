import Database
import Foundation

/// What is known of a message beside its body.
public struct MessageEnvelope: Sendable, Equatable {
    /// The request that brought the message, for the worker's log; `nil` if none of ours did.
    public let requestID: String?
    /// The account that the message is about, with which it is erased; `nil` if who enqueued it
    /// knew of none.
    public let accountID: UUID?

    public init(requestID: String? = nil, accountID: UUID? = nil) {
        self.requestID = requestID
        self.accountID = accountID
    }

    /// Reads ``columns``.
    init(_ reader: inout RowReader) throws {
        requestID = try reader.optionalText()
        accountID = try reader.optionalUUID()
    }

    /// The columns of `messages` that hold it.
    static let columns = "request_id, account_id"

    /// The values of ``columns``.
    var values: [SQLValue] { [.text(requestID), accountID.map { .uuid($0) } ?? .null] }
}
