import APIKeys
import Database
import Workspaces

/// Tells owner and admins of keys that are about to expire, once a key.
package struct KeyExpiryNotices: Sendable {
    /// Keys of one round.
    static let maximumBatch: Int64 = 100

    private let parts: WorkspaceParts

    package init(parts: WorkspaceParts) {
        self.parts = parts
    }

    /// - Returns: of how many keys was told.
    @discardableResult
    package func send() async throws -> Int {
        var sent = 0
        while !Task.isCancelled {
            let now = parts.clock.now()
            let keys = try await parts.database.read {
                try APIKeyRow.toExpire(limit: Self.maximumBatch, in: $0, now: now)
            }
            var told = 0
            for key in keys {
                told += try await parts.database.write { [mails = parts.mails] connection in
                    // The lock keeps the key from being rotated or revoked meanwhile.
                    guard
                        let workspace = try WorkspaceRow.findLocked(
                            key.workspaceID, in: connection),
                        try APIKeyRow.noteExpiryTold(key.id, in: connection, now: now)
                    else { return 0 }
                    try mails.keyExpires(key, workspace, in: connection, now: now)
                    return 1
                }
            }
            sent += told
            if told < Int(Self.maximumBatch) { break }
        }
        return sent
    }
}
