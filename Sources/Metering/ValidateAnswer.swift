import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

package enum UsageAccess: String, CaseIterable, Sendable, NamedEnumeration {
    case granted
    case denied

    package static var schemaName: String { "UsageAccess" }
}

/// What is told of a call that was asked for, whichever product's schema it is put into.
///
/// `Code` are the product's decisions.
package struct ToldCall<Code: Sendable>: Sendable {
    package let access: UsageAccess
    package let usageID: UUID?
    /// One sentence for a person.
    package let message: String
    package let creditsReserved: Credits
    package let status: UsageLog.Status?
    package let code: Code
    package let expiresAt: Timestamp?

    package init(_ grant: ValidateUsage.Grant, _ code: Code) {
        access = .granted
        usageID = grant.usageID
        message =
            grant.isReplay
            ? "This request was granted before; its reservation still holds."
            : "Granted; commit how the call ended."
        creditsReserved = grant.creditsReserved
        status = .pending
        self.code = code
        expiresAt = grant.expiresAt
    }

    package init(_ told: ToldDenial, _ code: Code) {
        access = .denied
        usageID = told.usageID
        message = told.message
        creditsReserved = .zero
        status = told.logStatus
        self.code = code
        expiresAt = nil
    }
}

/// What validate answers: a product's answer tells, beside the call, whose it is.
package protocol ValidateAnswer: JSONObjectOutput {
    associatedtype Decision: RawRepresentable, CaseIterable, Sendable, SendableMetatype
    where Decision.RawValue == String

    var call: ToldCall<Decision> { get }
}

extension ValidateAnswer {
    /// All fields, in their order.
    ///
    /// - Parameter whose: those that tell whose call it is.
    package static func callFields(_ whose: [OutputField<Self>]) -> [OutputField<Self>] {
        [OutputField("access", .oneOf, "Whether the call may run.") { $0.call.access }] + whose + [
            OutputField("usage_id", .nullable(.uuid), "The log; commit with it.") {
                $0.call.usageID
            },
            OutputField("message", .text, "One sentence for a person.") { $0.call.message },
            OutputField("credits_reserved", .credits, "What the call holds.") {
                $0.call.creditsReserved
            },
            OutputField("status", .nullable(.oneOf), "The log's status.") { $0.call.status },
            OutputField("code", .oneOf, "The decision, for programs.") { $0.call.code },
            OutputField("expires_at", .nullable(.time), "Commit before this.") {
                $0.call.expiresAt
            },
        ]
    }
}
