import Foundation
import HTTPClient
import Testing

@Suite("The queue of calls to other services")
struct TransferPoolTests {
    /// Counts requests and keeps each one waiting until the gate is open.
    struct HeldServer {
        let server: LoopbackServer
        let arrivals: AsyncStream<Void>
        let received = Notes<ReceivedRequest>()
        private let gate = DispatchSemaphore(value: 0)

        init() throws {
            let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
            self.arrivals = arrivals
            let gate = gate
            let received = received
            server = try LoopbackServer { connection in
                while let request = connection.readRequest() {
                    received.add(request)
                    arrived.yield()
                    gate.wait()
                    connection.answer()
                }
            }
        }

        func open(_ count: Int) {
            for _ in 0..<count { gate.signal() }
        }

        func waitForArrivals(_ count: Int) async {
            var iterator = arrivals.makeAsyncIterator()
            for _ in 0..<count { await iterator.next() }
        }
    }

    func outcome(_ client: HTTPClient, _ url: String) async -> HTTPClientError? {
        do throws(HTTPClientError) {
            _ = try await client.send(HTTPRequest("GET", url, timeout: .seconds(20)))
            return nil
        } catch {
            return error
        }
    }

    @Test("No more requests are under way than allowed, and all come to their turn")
    func maximumInFlight() async throws {
        let held = try HeldServer()
        let client = HTTPClient(maximumInFlight: 3)
        await withTaskGroup(of: HTTPClientError?.self) { group in
            for _ in 0..<12 { group.addTask { await outcome(client, held.server.url) } }
            await held.waitForArrivals(3)
            #expect(held.server.connections == 3)
            held.open(12)
            for await error in group { #expect(error == nil) }
        }
        #expect(held.server.connections == 3)
    }

    @Test("A request beyond the queue's bound is refused at once, unsent")
    func fullQueue() async throws {
        let held = try HeldServer()
        let client = HTTPClient(maximumInFlight: 1, maximumQueued: 2)
        await withTaskGroup(of: HTTPClientError?.self) { group in
            for _ in 0..<4 { group.addTask { await outcome(client, held.server.url) } }
            // Three have a place; the server holds the first of them, so the fourth is refused.
            #expect(await group.next() == .queueFull)
            held.open(3)
            for await error in group { #expect(error == nil) }
        }
        #expect(HTTPClientError.queueFull.nothingWasSent)
    }

    @Test("A request whose time is up before its turn is not sent")
    func timeoutInQueue() async throws {
        let held = try HeldServer()
        let client = HTTPClient(maximumInFlight: 1)
        async let first = outcome(client, held.server.url)
        await held.waitForArrivals(1)
        await #expect(throws: HTTPClientError.timedOut) {
            async let second = client.send(
                HTTPRequest("GET", held.server.url, timeout: .nanoseconds(1)))
            async let opened: Void = held.open(1)
            _ = try await (second, opened)
        }
        #expect(await first == nil)
        #expect(held.received.all.count == 1)
    }

    @Test("Shutting down refuses what waits and what comes, and lets what runs come to its end")
    func shutdown() async throws {
        let held = try HeldServer()
        let client = HTTPClient(maximumInFlight: 1)
        async let running = outcome(client, held.server.url)
        await held.waitForArrivals(1)
        async let waiting = outcome(client, held.server.url)
        client.shutdown()
        #expect(await waiting == .clientShutDown)
        #expect(await outcome(client, held.server.url) == .clientShutDown)
        held.open(1)
        #expect(await running == nil)
        client.shutdown()
    }

    @Test("Many callers at once all get the answer to their own request")
    func manyCallers() async throws {
        let server = try LoopbackServer { connection in
            while let request = connection.readRequest() {
                let path = request.line.split(separator: " ")[1]
                connection.answer(body: String(path.dropFirst()))
            }
        }
        let client = HTTPClient()
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<500 {
                group.addTask {
                    do {
                        let response = try await client.send(
                            HTTPRequest("GET", "\(server.url)/\(number)"))
                        return response.body == Array("\(number)".utf8)
                    } catch {
                        return false
                    }
                }
            }
            for await isOwn in group { #expect(isOwn) }
        }
        #expect(server.connections <= 8)
    }
}
