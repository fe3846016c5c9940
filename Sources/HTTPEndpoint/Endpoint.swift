import FoundationEssentials
import HTTPTypes
import JSON
import Values

/// What one endpoint does, declared once: the request is routed, decoded, validated and documented
/// by it.
public protocol Action: Sendable {
    associatedtype Input: Sendable
    associatedtype Output: JSONOutput

    static var about: About { get }

    /// Declares the input by reading it. Must read the same members whatever the request holds.
    func read(_ input: inout InputReader) -> Input

    /// - Throws: a ``Problem`` to refuse; any other error is answered with 500 and logged.
    func perform(_ input: Input, _ call: Call) async throws -> Reply<Output>
}

/// The part of an endpoint's documentation that its types do not tell.
public struct About: Sendable {
    public let summary: String
    public let details: String
    public let access: Access
    /// The status of the answer when all went well.
    public let status: Int
    /// Further statuses whose answer has the same schema: decisions, not errors.
    public let decisions: [(status: Int, meaning: String)]
    public let refusals: [Problem]
    /// Where the answer leads.
    public let links: [Link]
    /// Headers of its answers, beside those that any endpoint's have.
    public let headers: [AnswerHeader]
    /// Its answer may be large: few of them are made at once.
    public let isLarge: Bool

    public init(
        _ summary: String, details: String = "", access: Access, status: Int = 200,
        decisions: [(status: Int, meaning: String)] = [], refusals: [Problem] = [],
        links: [Link] = [], headers: [AnswerHeader] = [], isLarge: Bool = false
    ) {
        self.summary = summary
        self.details = details
        self.access = access
        self.status = status
        self.decisions = decisions
        self.refusals = refusals
        self.links = links
        self.headers = headers
        self.isLarge = isLarge
    }
}

/// Something in an answer that another endpoint, or the same, takes as a parameter.
public struct Link: Sendable {
    /// The other endpoint's name.
    let endpoint: String
    let parameter: String
    /// Where in the answer's body the value stands: a JSON pointer (RFC 6901).
    let pointer: String
    let description: String

    public init(
        to endpoint: String, _ parameter: String, from pointer: String, _ description: String
    ) {
        self.endpoint = endpoint
        self.parameter = parameter
        self.pointer = pointer
        self.description = description
    }
}

/// What a caller must show.
public struct Access: Sendable, Equatable {
    /// A user's access token.
    public let needsUser: Bool
    /// The key of a tool server.
    public let needsInternalKey: Bool
    /// Who checks that the user is there and active.
    public enum ActiveUserCheck: Sendable {
        /// The gatekeeper, before the action.
        case gatekeeper
        /// The action's own decision, in its database transaction: a look-up before it would cost a
        /// read and could be outdated by then.
        case decision
    }

    /// `nil` where no user is needed.
    public let activeUserCheck: ActiveUserCheck?
    /// What the user must be to the thing that the address names; `nil` where it names none.
    package let resource: (any ResourceGuard)?

    // Made at each use: the optimizer of Swift 6 reads such constants of another module, which hold
    // an existential, before they are initialized.
    public static var open: Access { Access(user: nil, key: false) }
    public static var user: Access { Access(user: .gatekeeper, key: false) }
    public static var internalKey: Access { Access(user: nil, key: true) }

    /// - Parameter resource: is judged after the user, and before the request's body.
    package static func user(guardedBy resource: any ResourceGuard) -> Access {
        Access(user: .gatekeeper, key: false, resource: resource)
    }

    public static func userAndInternalKey(activeUserCheckedBy check: ActiveUserCheck) -> Access {
        Access(user: check, key: true)
    }

    private init(user: ActiveUserCheck?, key: Bool, resource: (any ResourceGuard)? = nil) {
        self.needsUser = user != nil
        self.needsInternalKey = key
        self.activeUserCheck = user
        self.resource = resource
    }

    public static func == (left: Access, right: Access) -> Bool {
        left.needsInternalKey == right.needsInternalKey
            && left.activeUserCheck == right.activeUserCheck
            && left.resource?.name == right.resource?.name
    }
}

/// A guard of one kind of thing that addresses name: declared with an endpoint's access, and judged
/// by a gatekeeper that knows the kind.
package protocol ResourceGuard: Sendable {
    /// Different for guards that let different callers in.
    var name: String { get }
    /// What it refuses with, for the document.
    var refusals: [Problem] { get }
}

/// One request, as far as an action may look at it.
public struct Call: Sendable {
    /// Names the request in logs and in the answer's `X-Request-ID`.
    public let id: String
    public let headers: RequestHeaders
    /// The address of the client: the peer's, or what a trusted proxy forwarded.
    public let remoteAddress: String
    /// Who calls, once the gatekeeper has let them in.
    public var caller: Caller?
    /// The values of the address's parameters by their names, as they were sent.
    package var path: [String: String] = [:]

    public init(id: String, headers: RequestHeaders, remoteAddress: String, caller: Caller? = nil) {
        self.id = id
        self.headers = headers
        self.remoteAddress = remoteAddress
        self.caller = caller
    }

    /// The user that calls. Only for actions whose access needs one.
    public func user() throws -> Caller {
        guard let caller else { throw Problem.internalError }
        return caller
    }
}

/// The user behind an access token.
public struct Caller: Sendable, Equatable {
    public let userID: UUID
    /// The session that the token belongs to; `nil` for a token of another issuer.
    public let sessionID: UUID?
    /// When they proved who they are to another issuer, as its token tells (`auth_time`, OpenID
    /// Connect Core §2); `nil` if it does not, and for tokens of ours.
    public let authenticatedAt: Timestamp?

    public init(userID: UUID, sessionID: UUID?, authenticatedAt: Timestamp? = nil) {
        self.userID = userID
        self.sessionID = sessionID
        self.authenticatedAt = authenticatedAt
    }
}

/// An action at its address, its types erased.
public final class Endpoint: Sendable {
    public let method: HTTPRequest.Method
    /// Without a trailing slash; parameters in braces, e.g.
    /// `/career/subscriptions/plans/{plan_id}`.
    public let path: String
    public let tag: String
    public let name: String
    public let about: About
    public let outputSchema: Schema?
    /// Of the answer when all went well.
    let contentType: String
    /// Whether people open it in a browser: its errors are pages too.
    package let isPage: Bool
    package let parameters: [JSONValue]
    /// The named schemas that these refer to.
    let parameterComponents: [String: JSONObject]
    package let bodySchema: Schema?
    package let bodyIsRequired: Bool
    /// Reads the request, and returns what is to be done: the request's body need not be kept while
    /// that is under way.
    package let prepare:
        @Sendable (InputReader.Source) throws -> @Sendable (Call) async throws -> Answer

    /// - Parameter answer: the schema of the answer, if the action's types do not tell all of it.
    public init<A: Action>(
        _ method: HTTPRequest.Method, _ path: String, tag: String, _ action: A,
        answering answer: Schema? = nil
    ) {
        var documentation = InputReader(nil)
        _ = action.read(&documentation)
        self.method = method
        self.path = path
        self.tag = tag
        self.name = _typeName(A.self, qualified: false)
        self.about = A.about
        self.outputSchema = answer ?? A.Output.schema
        self.contentType = "application/json"
        self.isPage = false
        self.parameters = documentation.parameters
        self.parameterComponents = documentation.components
        self.bodySchema = documentation.bodySchema
        self.bodyIsRequired = documentation.bodyIsRequired
        self.prepare = { source in
            var reader = InputReader(source)
            let input = action.read(&reader)
            guard reader.errors.isEmpty else { throw Problem.invalid(reader.errors) }
            return { call in Answer(try await action.perform(input, call)) }
        }
    }

    /// An endpoint that speaks no JSON of ours: it gets the body's bytes as they came and answers
    /// with bytes.
    ///
    /// - Parameters:
    ///   - headers: further ones of each good answer.
    ///   - keepsAnswer: the answer is made once and kept for all who ask.
    public init(
        _ method: HTTPRequest.Method, _ path: String, tag: String, name: String, about: About,
        contentType: String, headers: HTTPFields = [:], keepsAnswer: Bool = false,
        answer: @escaping @Sendable ([UInt8], Call) async throws -> [UInt8]
    ) {
        self.method = method
        self.path = path
        self.tag = tag
        self.name = name
        self.about = about
        self.outputSchema = nil
        self.contentType = contentType
        self.isPage = false
        self.parameters = []
        self.parameterComponents = [:]
        self.bodySchema = nil
        self.bodyIsRequired = false
        self.prepare = { source in
            let bytes = source.bytes
            return { call in
                var made = Answer(
                    status: about.status, contentType: contentType,
                    body: try await answer(bytes, call), headers: headers)
                made.isKept = keepsAnswer
                return made
            }
        }
    }

    /// A page for people, or what a form of it does: a declaration of ``Page``, not of ``Action``,
    /// says what it reads.
    package init(
        page method: HTTPRequest.Method, _ path: String, named name: String,
        isLarge: Bool = false,
        prepare:
            @escaping @Sendable (InputReader.Source) throws ->
            @Sendable (Call) async throws ->
            Answer
    ) {
        self.method = method
        self.path = path
        self.tag = "Pages"
        self.name = name
        self.about = About(name, access: .open, isLarge: isLarge)
        self.outputSchema = nil
        self.contentType = "text/html; charset=utf-8"
        self.isPage = true
        self.parameters = []
        self.parameterComponents = [:]
        self.bodySchema = nil
        self.bodyIsRequired = false
        self.prepare = prepare
    }
}
