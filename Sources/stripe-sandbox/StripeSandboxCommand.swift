import Foundation
import StripeSandbox

/// Starts a sandbox as a process of its own.
@main
enum StripeSandboxCommand {
    static let usage = """
        usage: stripe-sandbox --port PORT --database PATH [--host 127.0.0.1]
                              [--webhook-url URL --webhook-secret SECRET]

        Answers Stripe's API on a loopback address. Port 0 lets the system choose one; the first
        line of the output tells the address.

        """

    static func main() async {
        do {
            let configuration = try configuration(of: Array(CommandLine.arguments.dropFirst()))
            try await StripeSandbox(configuration: configuration).runUntilSignal()
        } catch let error as UsageError {
            write(error.message + "\n" + usage, to: .standardError)
            exit(64)
        } catch {
            write("stripe-sandbox: \(error)\n", to: .standardError)
            exit(1)
        }
    }

    private struct UsageError: Error { let message: String }

    private static func configuration(of arguments: [String]) throws -> SandboxConfiguration {
        let known = ["--host", "--port", "--database", "--webhook-url", "--webhook-secret"]
        var options: [String: String] = [:]
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard known.contains(name), let value = rest.popFirst() else {
                throw UsageError(message: "unknown or incomplete option: \(name)")
            }
            options[name] = value
        }
        guard let port = options["--port"].flatMap(Int.init), (0...65_535).contains(port),
            let database = options["--database"]
        else { throw UsageError(message: "--port and --database are needed") }
        var endpoints: [SandboxConfiguration.WebhookEndpoint] = []
        if let url = options["--webhook-url"] {
            guard let secret = options["--webhook-secret"] else {
                throw UsageError(message: "--webhook-url needs --webhook-secret")
            }
            endpoints = [SandboxConfiguration.WebhookEndpoint(url: url, secret: secret)]
        }
        let host = options["--host"] ?? "127.0.0.1"
        return SandboxConfiguration(
            host: host, port: port, databasePath: database, webhookEndpoints: endpoints,
            onListening: { port in
                write("listening on http://\(host):\(port)\n", to: .standardOutput)
            })
    }

    private static func write(_ text: String, to handle: FileHandle) {
        handle.write(Data(text.utf8))
    }
}
