import HTTPEndpoint
import Operators
import PageFrame
import Values

/// What the console's pages are made of.
package struct ConsoleParts: Sendable {
    let operators: Operators
    let words: Words

    package init(operators: Operators, words: Words) {
        self.operators = operators
        self.words = words
    }

    var now: Timestamp { operators.clock.now() }

    /// The realm of the console: who is signed in, and its navigation.
    package static func realm(_ operators: Operators) -> Realm {
        Realm.console(
            sides: [
                Realm.Side("console_overview", "/console"),
                Realm.Side("console_acts", "/console/acts"),
            ],
            caller: { secret in
                try await operators.session(secret: secret).map {
                    Caller(userID: $0.operatorID, sessionID: $0.id)
                }
            })
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
