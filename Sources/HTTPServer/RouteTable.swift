import Foundation
import HTTPEndpoint
import HTTPTypes

/// Finds the endpoint of a request. Most paths have no parameter and take one look into a hash
/// table; the few others are tried in turn.
struct RouteTable: Sendable {
    enum Match {
        case endpoint(Endpoint, parameters: [String: String])
        /// The address exists, for these methods.
        case otherMethods([HTTPRequest.Method])
        case nothing
    }

    private struct Pattern: Sendable {
        let components: [Substring]
        var endpoints: [Endpoint]

        /// The parameters' values, where the path fits.
        func match(_ path: [Substring]) -> [String: String]? {
            guard path.count == components.count else { return nil }
            var values: [String: String] = [:]
            for (expected, found) in zip(components, path) {
                if expected.first == "{" {
                    guard !found.isEmpty, let value = String(found).removingPercentEncoding
                    else { return nil }
                    values[String(expected.dropFirst().dropLast())] = value
                } else if expected != found {
                    return nil
                }
            }
            return values
        }
    }

    private var fixed: [String: [Endpoint]] = [:]
    private var patterns: [Pattern] = []

    init(_ endpoints: [Endpoint]) {
        for endpoint in endpoints {
            guard endpoint.path.contains("{") else {
                fixed[endpoint.path, default: []].append(endpoint)
                continue
            }
            let components = Self.components(endpoint.path[...])
            if let index = patterns.firstIndex(where: { $0.components == components }) {
                patterns[index].endpoints.append(endpoint)
            } else {
                patterns.append(Pattern(components: components, endpoints: [endpoint]))
            }
        }
    }

    /// - Parameter path: without a query; a trailing slash makes no difference.
    func match(_ method: HTTPRequest.Method, _ path: Substring) -> Match {
        var path = path
        if path.utf8.count > 1 && path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
        if let endpoints = fixed[String(path)] {
            return choose(method, endpoints, parameters: [:])
        }
        let components = Self.components(path)
        for pattern in patterns {
            if let parameters = pattern.match(components) {
                return choose(method, pattern.endpoints, parameters: parameters)
            }
        }
        return .nothing
    }

    /// Whether the address is a page's, whatever the method.
    func isPage(_ path: Substring) -> Bool {
        if case .endpoint(let endpoint, _) = match(.get, path) { return endpoint.isPage }
        if case .endpoint(let endpoint, _) = match(.post, path) { return endpoint.isPage }
        return false
    }

    /// What stands between the slashes, nothing too: a doubled slash is another address.
    private static func components(_ path: Substring) -> [Substring] {
        path.split(separator: "/", omittingEmptySubsequences: false)
    }

    private func choose(
        _ method: HTTPRequest.Method, _ endpoints: [Endpoint], parameters: [String: String]
    ) -> Match {
        // HEAD is GET without the body, which the server leaves out.
        let wanted = method == .head ? .get : method
        if let endpoint = endpoints.first(where: { $0.method == wanted }) {
            return .endpoint(endpoint, parameters: parameters)
        }
        return .otherMethods(endpoints.map(\.method))
    }
}
