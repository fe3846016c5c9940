import Foundation
import Users
import Values

/// The list of operators, as the command `cuebx operators` changes it.
public struct OperatorAdministration: Sendable {
    /// Why nothing was done.
    public struct Refusal: Error, CustomStringConvertible {
        public let description: String
    }

    /// What is shown once, and never again.
    public struct Enrolment: Sendable {
        /// An `otpauth://` address.
        public let address: String
        public let recoveryCodes: [String]
    }

    public struct Listed: Sendable {
        public let id: UUID
        public let email: String
        public let role: String
        public let createdAt: Timestamp
    }

    public static let roles = OperatorRole.allCases.map(\.rawValue)

    private let operators: Operators
    private let issuer: String

    /// - Parameters:
    ///   - operators: `nil` if the settings have no `OPERATOR_SECRET`.
    ///   - issuer: what an authenticator calls the service.
    /// - Throws: ``Refusal`` without operators.
    package init(_ operators: Operators?, issuer: String) throws {
        guard let operators else {
            throw Refusal(
                description: "OPERATOR_SECRET is not set: the console is off without it")
        }
        self.operators = operators
        self.issuer = issuer
    }

    /// - Parameter role: one of ``roles``.
    /// - Throws: ``Refusal`` for a bad address or password, and if the address is an operator's.
    public func add(_ email: String, role: String, password: String) async throws -> Enrolment {
        let address = try Self.address(email)
        guard let role = OperatorRole(rawValue: role) else {
            throw Refusal(
                description: "the role must be one of \(Self.roles.joined(separator: ", "))")
        }
        guard PasswordRule.accepts(password) else {
            throw Refusal(
                description: PasswordRule.length.contains(password.unicodeScalars.count)
                    ? "the password \(PasswordRule.message)"
                    : "the password must have 8 to 128 characters")
        }
        guard
            let enrolment = try await operators.add(
                address, role, password: password, issuer: issuer)
        else {
            throw Refusal(
                description: "\(address.text) is an operator already; remove them first")
        }
        return Enrolment(address: enrolment.address, recoveryCodes: enrolment.recoveryCodes)
    }

    /// Removes an operator, who is signed out by that.
    /// - Throws: ``Refusal`` if there is none of this address.
    public func remove(_ email: String) async throws {
        guard try await operators.remove(try Self.address(email).key) else {
            throw Refusal(description: "no operator \(email)")
        }
    }

    public func list() async throws -> [Listed] {
        try await operators.list().map {
            Listed(id: $0.id, email: $0.email, role: $0.role.rawValue, createdAt: $0.createdAt)
        }
    }

    private static func address(_ email: String) throws -> EmailAddress {
        guard let address = EmailAddress(email) else {
            throw Refusal(description: "\(email) is no email address")
        }
        return address
    }
}
