import Billing
import Career
import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Messaging
import Operators
import PageFrame
import Reconciliation
import Refunds
import Values

/// What the console's pages are made of.
package struct ConsoleParts: Sendable {
    /// What becomes of a subscription whose user is locked out.
    package enum SubscriptionEnd: String, Sendable, CaseIterable {
        case periodEnd = "period_end"
        case now
        case keep
    }

    /// What is done as commands of the binary do it.
    package struct Commands: Sendable {
        let deactivate: @Sendable (UUID, SubscriptionEnd) async throws -> Void
        let reactivate: @Sendable (UUID) async throws -> Void
        /// Moves the development clock on by so many seconds; `nil` in production.
        let advance: (@Sendable (Int64, Call) async throws -> Void)?

        package init(
            deactivate: @escaping @Sendable (UUID, SubscriptionEnd) async throws -> Void,
            reactivate: @escaping @Sendable (UUID) async throws -> Void,
            advance: (@Sendable (Int64, Call) async throws -> Void)?
        ) {
            self.deactivate = deactivate
            self.reactivate = reactivate
            self.advance = advance
        }
    }

    let operators: Operators
    let career: CareerParts
    let ledger: CareerLedger
    let broker: any MessageBroker
    let reconciliation: StripeReconciliation
    let refunds: Refunds
    let commands: Commands
    let words: Words
    let background = BackgroundActs()

    package init(
        operators: Operators, career: CareerParts, ledger: CareerLedger,
        broker: any MessageBroker, reconciliation: StripeReconciliation, refunds: Refunds,
        commands: Commands, words: Words
    ) {
        self.operators = operators
        self.career = career
        self.ledger = ledger
        self.broker = broker
        self.reconciliation = reconciliation
        self.refunds = refunds
        self.commands = commands
        self.words = words
    }

    var now: Timestamp { operators.clock.now() }
    var database: any Database { operators.database }
    var letters: DeadLetters { DeadLetters(database: database) }

    /// The realm of the console: who is signed in, and its navigation.
    package static func realm(_ operators: Operators) -> Realm {
        let names = ["people", "money", "catalog", "letters", "webhooks", "audit", "acts"]
        return Realm.console(
            sides: [Realm.Side("console_overview", "/console")]
                + names.map { Realm.Side("console_\($0)", "/console/\($0)") },
            caller: { secret in
                try await operators.session(secret: secret).map {
                    Caller(userID: $0.operatorID, sessionID: $0.id)
                }
            })
    }

    /// Whether a page at this address is the console's, though there may be none.
    package static func owns(_ path: String) -> Bool {
        path == "/console" || path.hasPrefix("/console/")
    }

    /// - Throws: ``Problem`` 401 if the session has ended since the frame looked.
    func desk(_ visit: Visit) async throws -> Desk {
        guard let id = try visit.call.user().sessionID,
            let session = try await operators.session(id: id)
        else { throw Problem.invalidOperator }
        return Desk(
            visit: visit, session: session, isSteppedUp: operators.isSteppedUp(session))
    }
}

/// One request of a signed-in operator.
struct Desk: Sendable {
    let visit: Visit
    let session: OperatorSession
    /// Whether a code was shown within the last ten minutes.
    let isSteppedUp: Bool

    var role: OperatorRole { session.role }

    func entry(_ act: OperatorAct) -> OperatorEntry {
        OperatorEntry(
            act: act, operatorID: session.operatorID, actor: session.email,
            requestID: visit.call.id)
    }
}

/// A page for signed-in operators.
protocol ConsolePage: Page {
    var console: ConsoleParts { get }

    func view(_ input: Input, _ desk: Desk) async throws -> PageView
}

extension ConsolePage {
    func view(_ input: Input, _ visit: Visit) async throws -> PageView {
        try await view(input, console.desk(visit))
    }

    var words: Words { console.words }
}

extension AboutPage {
    /// A page of the console, under a line of its navigation.
    static func console(_ side: String, _ template: String = "console_page") -> AboutPage {
        AboutPage(template, access: .user, side: "console_" + side)
    }
}
