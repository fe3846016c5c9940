import Crypto
import CryptoExtras
import Database
import Foundation
import HTTPEndpoint
import Users
import Values

/// Hashes passwords with scrypt (RFC 7914) on a few threads of its own: one hash keeps a core busy
/// for a good part of a second and would stop everything else on Swift's cooperative pool.
package final class PasswordHasher: Sendable {
    /// Hashes computed at once. Each holds 16 MiB.
    static let maximumThreads = 2
    /// Hashes of one kind that may wait for a thread, so that sign-ups keep no sign-in out; beyond
    /// it they are refused before any work is done …
    static let maximumWaiting = 64
    /// … and those of one network among them.
    static let maximumWaitingOfOne = 32
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
    package static let standardExponent = 14
    /// Hundreds of sign-ups in a test would take most of its time with the standard one.
    package static let exponents = 1...standardExponent
    private static let blockSize = 8
    private static let parallelism = 5

    private static let saltBytes = 16

    /// For whom a password is hashed: who asks much waits for themselves.
    package struct Customer: Hashable, Sendable {
        enum Kind: CaseIterable, Sendable {
            case signUp, signIn
            /// Has shown a token or a mailed code, or is an operator.
            case proven
        }

        let kind: Kind
        let network: String

        package static func signUp(network: String) -> Customer {
            Customer(kind: .signUp, network: network)
        }
        package static func signIn(network: String) -> Customer {
            Customer(kind: .signIn, network: network)
        }
        package static func proven(network: String) -> Customer {
            Customer(kind: .proven, network: network)
        }
        package static let operatorsCommand = Customer(kind: .proven, network: "")
    }

    /// What waits: the kinds are served in turn, and in each kind the networks (fair queueing).
    private struct Queue {
        private struct Line {
            var jobs: [String: [@Sendable () -> Void]] = [:]
            /// The networks that wait, next first.
            var turns: [String] = []
            var count = 0
        }

        private var lines: [Customer.Kind: Line] = [:]
        /// Next first.
        private var kinds = Customer.Kind.allCases
        private(set) var count = 0
        var threads = 0
        var idleThreads = 0

        mutating func append(
            _ job: @escaping @Sendable () -> Void, of customer: Customer
        ) -> Bool {
            var line = lines[customer.kind] ?? Line()
            let waiting = line.jobs[customer.network]?.count ?? 0
            guard line.count < maximumWaiting, waiting < maximumWaitingOfOne else { return false }
            if waiting == 0 { line.turns.append(customer.network) }
            line.jobs[customer.network, default: []].append(job)
            line.count += 1
            lines[customer.kind] = line
            count += 1
            return true
        }

        mutating func removeNext() -> (@Sendable () -> Void)? {
            guard let place = kinds.firstIndex(where: { lines[$0]?.count ?? 0 > 0 }) else {
                return nil
            }
            let kind = kinds.remove(at: place)
            kinds.append(kind)
            guard var line = lines[kind] else { return nil }
            let network = line.turns.removeFirst()
            let job = line.jobs[network]?.removeFirst()
            if line.jobs[network]?.isEmpty == true {
                line.jobs[network] = nil
            } else {
                line.turns.append(network)
            }
            line.count -= 1
            lines[kind] = line
            count -= 1
            return job
        }
    }

    private let cost: Cost
    private let condition = NSCondition()
    /// Guarded by `condition`.
    private nonisolated(unsafe) var queue = Queue()

    /// - Parameter exponent: the logarithm to base 2 of the rounds.
    package init(exponent: Int) {
        cost = Cost(
            rounds: 1 << exponent, blockSize: Self.blockSize, parallelism: Self.parallelism)
    }

    /// A text that tells its parameters: `$scrypt$ln=14,r=8,p=5$salt$hash`.
    ///
    /// - Throws: ``Problem/overloaded`` where too many wait, or too many of this customer's.
    package func hash(_ password: String, for customer: Customer) async throws -> String {
        let stored = StoredPassword(cost: cost, salt: Self.salt(), hash: [])
        return try await onThread(customer) {
            StoredPassword(stored, hash: try stored.derive(password)).text
        }
    }

    /// Stands for the hash of an account that has no password: none is right.
    package static let noPassword = "$none$"

    /// Whether the password is the one that was hashed. Without a hash the answer is no, after the
    /// same work, so that its time does not tell whether there is an account.
    ///
    /// - Throws: ``Problem/overloaded`` where too many wait, or too many of this customer's.
    package func matches(
        _ password: String, _ hash: String?, for customer: Customer
    ) async throws -> Bool {
        let known = try stored(hash)
        return try await onThread(customer) {
            equalInConstantTime(try known.derive(password), known.hash)
        }
    }

    /// Hashes a password anew and tells whether it is also the one of that hash, after one wait.
    ///
    /// - Throws: ``Problem/overloaded`` where too many wait, or too many of this customer's.
    package func hash(
        _ password: String, comparedTo other: String?, for customer: Customer
    ) async throws -> (text: String, isSame: Bool) {
        let (new, known) = (
            StoredPassword(cost: cost, salt: Self.salt(), hash: []), try stored(other)
        )
        return try await onThread(customer) {
            (
                StoredPassword(new, hash: try new.derive(password)).text,
                equalInConstantTime(try known.derive(password), known.hash)
            )
        }
    }

    private static func salt() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<saltBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// What a password is compared with: nobody's where there is no hash.
    private func stored(_ hash: String?) throws -> StoredPassword {
        guard let hash, hash != Self.noPassword else {
            return StoredPassword(
                cost: cost, salt: Array(repeating: 0, count: Self.saltBytes), hash: [])
        }
        guard let parsed = StoredPassword(hash) else {
            throw DatabaseError.decoding("a password hash")
        }
        return parsed
    }

    private func onThread<Value: Sendable>(
        _ customer: Customer, _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = submit(customer) { continuation.resume(with: Result(catching: work)) }
            if !isTaken { continuation.resume(throwing: Problem.overloaded) }
        }
    }

    private func submit(_ customer: Customer, _ job: @escaping @Sendable () -> Void) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard queue.append(job, of: customer) else { return false }
        if queue.idleThreads >= queue.count {
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
        while queue.count == 0 {
            queue.idleThreads += 1
            let isSignaled = condition.wait(until: deadline)
            queue.idleThreads -= 1
            if !isSignaled && queue.count == 0 {
                queue.threads -= 1
                return nil
            }
        }
        return queue.removeNext()
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
