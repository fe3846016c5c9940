import Crypto
import CryptoExtras
import Database
import Foundation
import HTTPEndpoint

/// Hashes passwords with scrypt (RFC 7914) on a few threads of its own: one hash keeps a core busy
/// for a good part of a second and would stop everything else on Swift's cooperative pool.
final class PasswordHasher: Sendable {
    /// Hashes computed at once. Each holds 16 MiB.
    static let maximumThreads = 2
    /// Hashes that may wait for a thread; beyond it they are refused before any work is done.
    static let maximumWaiting = 128
    /// A thread without work ends after this long.
    static let idleSeconds = 10.0

    /// How much work a hash is. Memory is 128 × rounds × blockSize bytes.
    struct Cost: Sendable, Equatable {
        let rounds: Int
        let blockSize: Int
        let parallelism: Int
    }

    /// With ``blockSize`` and ``parallelism`` one of the equivalent settings of OWASP's Password
    /// Storage Cheat Sheet (N = 2^14, r = 8, p = 5). Of those it is the one with the least memory,
    /// 16 MiB, so that a burst of sign-ins does not push the service out of its memory.
    static let standardExponent = 14
    /// Hundreds of sign-ups in a test would take most of its time with the standard one.
    static let exponents = 1...standardExponent
    private static let blockSize = 8
    private static let parallelism = 5

    private static let saltBytes = 16

    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var threads = 0
        var idleThreads = 0
    }

    private let cost: Cost
    private let condition = NSCondition()
    /// Guarded by `condition`.
    private nonisolated(unsafe) var queue = Queue()

    /// - Parameter exponent: the logarithm to base 2 of the rounds.
    init(exponent: Int) {
        cost = Cost(
            rounds: 1 << exponent, blockSize: Self.blockSize, parallelism: Self.parallelism)
    }

    /// A text that tells its parameters: `$scrypt$ln=14,r=8,p=5$salt$hash`.
    ///
    /// - Throws: ``Problem/overloaded`` where too many wait.
    func hash(_ password: String) async throws -> String {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<Self.saltBytes).map { _ in
            UInt8.random(in: .min ... .max, using: &generator)
        }
        let stored = StoredPassword(cost: cost, salt: salt, hash: [])
        return try await onThread { StoredPassword(stored, hash: try stored.derive(password)).text }
    }

    /// Whether the password is the one that was hashed. Without a hash the answer is no, after the
    /// same work, so that its time does not tell whether there is an account.
    ///
    /// - Throws: ``Problem/overloaded`` where too many wait.
    func matches(_ password: String, _ hash: String?) async throws -> Bool {
        let nobody = StoredPassword(
            cost: cost, salt: Array(repeating: 0, count: Self.saltBytes), hash: [])
        var stored = nobody
        if let hash {
            guard let parsed = StoredPassword(hash) else {
                throw DatabaseError.decoding("a password hash")
            }
            stored = parsed
        }
        let known = stored
        return try await onThread {
            equalInConstantTime(try known.derive(password), known.hash)
        }
    }

    private func onThread<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = submit { continuation.resume(with: Result(catching: work)) }
            if !isTaken { continuation.resume(throwing: Problem.overloaded) }
        }
    }

    private func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard queue.jobs.count < Self.maximumWaiting else { return false }
        queue.jobs.append(job)
        if queue.idleThreads >= queue.jobs.count {
            condition.signal()
        } else if queue.threads < Self.maximumThreads {
            queue.threads += 1
            let thread = Thread { [self] in work() }
            thread.name = "password"
            thread.start()
        }
        return true
    }

    private func work() {
        while let job = nextJob() { job() }
    }

    private func nextJob() -> (@Sendable () -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        let deadline = Date(timeIntervalSinceNow: Self.idleSeconds)
        while queue.jobs.isEmpty {
            queue.idleThreads += 1
            let isSignaled = condition.wait(until: deadline)
            queue.idleThreads -= 1
            if !isSignaled && queue.jobs.isEmpty {
                queue.threads -= 1
                return nil
            }
        }
        return queue.jobs.removeFirst()
    }
}

/// A password hash with all that it takes to compute it again.
private struct StoredPassword: Sendable {
    let cost: PasswordHasher.Cost
    let salt: [UInt8]
    let hash: [UInt8]

    init(cost: PasswordHasher.Cost, salt: [UInt8], hash: [UInt8]) {
        self.cost = cost
        self.salt = salt
        self.hash = hash
    }

    init(_ other: StoredPassword, hash: [UInt8]) {
        self.init(cost: other.cost, salt: other.salt, hash: hash)
    }

    init?(_ text: String) {
        guard
            let match = text.wholeMatch(
                of: /\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]+)\$([\w-]+)/),
            let exponent = Int(match.1), (1...20).contains(exponent), let blockSize = Int(match.2),
            let parallelism = Int(match.3), blockSize > 0, parallelism > 0,
            let salt = Base64URL.decode(match.4.utf8), let hash = Base64URL.decode(match.5.utf8)
        else { return nil }
        self.init(
            cost: PasswordHasher.Cost(
                rounds: 1 << exponent, blockSize: blockSize, parallelism: parallelism),
            salt: salt, hash: hash)
    }

    var text: String {
        let exponent = cost.rounds.trailingZeroBitCount
        return "$scrypt$ln=\(exponent),r=\(cost.blockSize),p=\(cost.parallelism)"
            + "$\(Base64URL.encode(salt))$\(Base64URL.encode(hash))"
    }

    /// The password is taken in Unicode's normal form C, so that it is the same from every
    /// keyboard (RFC 8265 §4.2).
    func derive(_ password: String) throws -> [UInt8] {
        let bytes = Array(password.precomposedStringWithCanonicalMapping.utf8)
        let key = try KDF.Scrypt.deriveKey(
            // No password has a NUL, so it can stand for the empty one, which scrypt here refuses.
            from: bytes.isEmpty ? [0] : bytes, salt: salt, outputByteCount: 32,
            rounds: cost.rounds, blockSize: cost.blockSize, parallelism: cost.parallelism)
        return key.withUnsafeBytes { Array($0) }
    }
}
