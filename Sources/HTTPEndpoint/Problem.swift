import HTTPTypes
import JSON

/// A refusal as the client sees it: `application/problem+json` (RFC 9457) with a stable `code`.
/// Thrown by whatever refuses; also the declaration by which an endpoint documents the refusal.
public struct Problem: Error, Sendable, Equatable {
    public let status: Int
    /// Stable, for programs.
    public let code: String
    /// Stable, for people: what kind of refusal this is.
    public let title: String
    /// One sentence on this refusal.
    public var detail: String
    public var headers: [HTTPField.Name: String] = [:]
    /// What is wrong with the input, all of it; only for status 422.
    public var errors: [FieldError] = []
    /// Further members of the answer.
    public var members: [String: String] = [:]

    public init(_ status: Int, _ code: String, _ title: String, _ detail: String) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
    }

    public func with(detail: String) -> Problem {
        var copy = self
        copy.detail = detail
        return copy
    }

    public func with(header name: HTTPField.Name, _ value: String) -> Problem {
        var copy = self
        copy.headers[name] = value
        return copy
    }

    public func retry(afterSeconds seconds: Int64) -> Problem {
        with(header: .retryAfter, String(max(1, seconds)))
    }

    public var body: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("type")
        writer.string("urn:cuebx:problem:\(code)")
        writer.key("title")
        writer.string(title)
        writer.key("status")
        writer.integer(Int64(status))
        writer.key("detail")
        writer.string(detail)
        writer.key("code")
        writer.string(code)
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            writer.key(name)
            writer.string(value)
        }
        if !errors.isEmpty {
            writer.key("errors")
            writer.beginArray()
            for error in errors { error.write(to: &writer) }
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }
}

/// One thing that is wrong with one field of a request.
public struct FieldError: Sendable, Equatable {
    /// Where: `body`, `query` or `path`, then the names down to the field.
    public let loc: [String]
    public let msg: String
    /// Stable, for programs, e.g. `missing`.
    public let type: String

    public init(_ loc: [String], _ msg: String, type: String) {
        self.loc = loc
        self.msg = msg
        self.type = type
    }

    init(_ path: FieldPath, _ msg: String, type: String) {
        self.init(path.names, msg, type: type)
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("loc")
        writer.beginArray()
        for place in loc { writer.string(place) }
        writer.endArray()
        writer.key("msg")
        writer.string(msg)
        writer.key("type")
        writer.string(type)
        writer.endObject()
    }
}

// The refusals that any endpoint may give; those of one noun stand in its folder.
extension Problem {
    public static let tooManyAttempts = Problem(
        429, "too_many_attempts", "Too many attempts",
        "There were too many attempts; wait before the next one.")
    public static let wrongPassword = Problem(
        400, "wrong_password", "Wrong password", "The current password is not right.")
    public static let reauthenticationRequired = Problem(
        403, "reauthentication_required", "Reauthentication required",
        "A token alone does not allow this: send `current_password`, or sign in anew.")
    public static let malformedJSON = Problem(
        400, "malformed_json", "Malformed JSON", "The body is not valid JSON.")
    public static let badRequest = Problem(
        400, "bad_request", "Bad request", "The request could not be understood.")
    public static let notFound = Problem(
        404, "not_found", "Not found", "There is nothing at this address.")
    public static let methodNotAllowed = Problem(
        405, "method_not_allowed", "Method not allowed",
        "This address does not answer to that method.")
    public static let requestTimeout = Problem(
        408, "request_timeout", "Request timeout", "The body did not arrive in time.")
    public static let tooLarge = Problem(
        413, "body_too_large", "Body too large", "The body is larger than 1 MiB.")
    public static let unsupportedMediaType = Problem(
        415, "unsupported_media_type", "Unsupported media type",
        "Send the body as application/json in UTF-8.")
    /// A body whose coding nobody undoes (RFC 9110 §15.5.16).
    package static let encodedBody = unsupportedMediaType.with(
        detail: "Send the body as it is, without a Content-Encoding."
    ).with(header: .acceptEncoding, "identity")
    public static let invalidInput = Problem(
        422, "validation_error", "Invalid input", "The request has fields that are not valid.")
    public static let misdirected = Problem(
        421, "misdirected_request", "Misdirected request",
        "This server answers for hosts of its own machine only.")
    public static let internalError = Problem(
        500, "internal_error", "Internal error",
        "Something went wrong on our side.")
    public static let overloaded = Problem(
        503, "overloaded", "Overloaded", "Too much is waiting; try again shortly."
    ).retry(afterSeconds: 1)
    public static let databaseUnavailable = Problem(
        503, "database_unavailable", "Database unavailable",
        "The database cannot be reached; try again shortly."
    ).retry(afterSeconds: 2)

    public static func invalid(_ errors: [FieldError]) -> Problem {
        var problem = Problem.invalidInput
        problem.errors = errors
        return problem
    }
}
