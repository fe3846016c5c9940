import AsyncHTTPClient
import NIOPosix

/// An error that says itself which failure it stands for.
public protocol MeteredFailure: Error {
    var failureType: FailureType { get }
}

/// By the names that libraries use, so that none of them need be here: of the error's type and, of
/// an enumeration, of its case. The first that occurs counts.
private let names: [(part: String, type: FailureType)] = [
    ("cancel", .clientError),
    ("clientdisconnect", .clientError),
    ("timeout", .timeout),
    ("timedout", .timeout),
    ("ratelimit", .rateLimited),
    ("toomanyrequests", .rateLimited),
    ("responsevalidation", .invalidResponse),
    ("decoding", .invalidResponse),
    ("parse", .invalidResponse),
    ("validation", .validationError),
    ("badrequest", .validationError),
    ("unprocessable", .validationError),
    ("connect", .upstreamError),
    ("apierror", .upstreamError),
    ("transport", .upstreamError),
    ("network", .upstreamError),
]

/// Which `failure_type` an error stands for.
///
/// | error | type |
/// |---|---|
/// | one that says it itself | what it says |
/// | cancellation | `client_error` |
/// | a timeout of any library | `timeout` |
/// | a provider's 429 | `rate_limited` |
/// | what a provider sent cannot be read | `invalid_response` |
/// | input that a schema or the provider refuses | `validation_error` |
/// | a provider that cannot be reached, or fails | `upstream_error` |
/// | anything else | `internal_error` |
public func failureType(of error: any Error) -> FailureType {
    switch error {
    case let error as any MeteredFailure: return error.failureType
    case is CancellationError: return .clientError
    case is DecodingError, is NotJSON: return .invalidResponse
    case is NIOConnectionError: return .upstreamError
    case let error as HTTPClientError:
        let isLate = [.deadlineExceeded, .readTimeout, .connectTimeout].contains(error)
        return isLate ? .timeout : .upstreamError
    default: break
    }
    var told = "\(type(of: error))"
    if Mirror(reflecting: error).displayStyle == .enum {
        // The name of the case, without what it carries.
        told += " \(error)".prefix { $0 != "(" }
    }
    let lower = told.lowercased()
    return names.first { lower.contains($0.part) }?.type ?? .internalError
}
