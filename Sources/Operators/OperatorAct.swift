/// What an operator is trusted with.
package enum OperatorRole: String, Sendable, CaseIterable {
    /// Reads.
    case viewer
    /// Reads and helps: small grants, signing people out, trying letters again.
    case support
    /// Does everything.
    case admin
}

/// Whatever an operator does that the journal keeps: the one place that says who may.
package enum OperatorAct: String, Sendable, CaseIterable {
    case signIn = "sign_in"
    /// Looking at what is kept of a person.
    case readPerson = "read_person"
    case searchPeople = "search_people"
    /// Looking into a message that was given up on: its body may be a person's.
    case readLetter = "read_letter"
    /// Taking a table along as a file.
    case takeTable = "take_table"
    case grantCredits = "grant_credits"
    case takeCredits = "take_credits"
    /// Giving a payment back at Stripe.
    case refundPayment = "refund_payment"
    case signOutPerson = "sign_out_person"
    case deactivatePerson = "deactivate_person"
    case reactivatePerson = "reactivate_person"
    case retryLetter = "retry_letter"
    case discardLetter = "discard_letter"
    case reconcile
    case audit
    /// Asking what an edited catalog would cost whom.
    case tryCatalog = "try_catalog"
    case publishCatalog = "publish_catalog"
    case moveClock = "move_clock"
    /// By the command `cuebx operators` alone.
    case addOperator = "add_operator"
    case removeOperator = "remove_operator"

    /// Who may do it from a page.
    package var roles: Set<OperatorRole> {
        switch self {
        case .signIn, .readPerson, .searchPeople, .readLetter, .takeTable:
            [.viewer, .support, .admin]
        case .grantCredits, .signOutPerson, .retryLetter: [.support, .admin]
        case .takeCredits, .refundPayment, .deactivatePerson, .reactivatePerson, .discardLetter,
            .reconcile, .audit, .tryCatalog, .publishCatalog, .moveClock:
            [.admin]
        case .addOperator, .removeOperator: []
        }
    }

    /// Whether it moves money or credits, for which a fresh code is asked. Reconciliation refunds
    /// and cancels at Stripe.
    package var needsFreshCode: Bool {
        switch self {
        case .grantCredits, .takeCredits, .refundPayment, .publishCatalog, .deactivatePerson,
            .reconcile:
            true
        default: false
        }
    }
}

extension OperatorRole {
    package func may(_ act: OperatorAct) -> Bool { act.roles.contains(self) }
}
