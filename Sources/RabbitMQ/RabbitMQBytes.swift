import CRabbitMQ
import Foundation

/// Memory for the arguments of a call, freed after it.
final class Arena {
    private var allocations: [UnsafeMutableRawPointer] = []

    private init() {}

    static func with<Value>(_ call: (Arena) -> Value) -> Value {
        let arena = Arena()
        defer { for allocation in arena.allocations { allocation.deallocate() } }
        return call(arena)
    }

    func bytes(_ text: String) -> amqp_bytes_t {
        let utf8 = Array(text.utf8)
        let memory = allocate(byteCount: max(1, utf8.count), alignment: 1)
        memory.copyMemory(from: utf8, byteCount: utf8.count)
        return amqp_bytes_t(len: utf8.count, bytes: memory)
    }

    func table(integers: [String: Int64], texts: [String: String]) -> amqp_table_t {
        let entries =
            integers.map { cuebx_amqp_integer_entry(bytes($0), $1) }
            + texts.map { cuebx_amqp_text_entry(bytes($0), bytes($1)) }
        let memory = allocate(
            byteCount: max(1, entries.count) * MemoryLayout<amqp_table_entry_t>.stride,
            alignment: MemoryLayout<amqp_table_entry_t>.alignment
        ).assumingMemoryBound(to: amqp_table_entry_t.self)
        memory.initialize(from: entries, count: entries.count)
        return amqp_table_t(num_entries: Int32(entries.count), entries: memory)
    }

    private func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
        allocations.append(memory)
        return memory
    }
}

/// The numbers and texts of a table; what else it holds is left out.
struct Headers {
    private(set) var integers: [String: Int64] = [:]
    private(set) var texts: [String: String] = [:]

    init() {}

    init(_ table: amqp_table_t) {
        let entries = UnsafeBufferPointer(start: table.entries, count: Int(table.num_entries))
        for var entry in entries {
            var number: Int64 = 0
            var bytes = amqp_bytes_t()
            if cuebx_amqp_read_integer(&entry.value, &number) != 0 {
                integers[text(entry.key)] = number
            } else if cuebx_amqp_read_text(&entry.value, &bytes) != 0 {
                texts[text(entry.key)] = text(bytes)
            }
        }
    }
}

/// What is not UTF-8 is replaced, and so is NUL, which no database takes in a text.
func text(_ bytes: amqp_bytes_t) -> String {
    let text = String(
        decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    return text.utf8.contains(0) ? text.replacingOccurrences(of: "\0", with: "\u{FFFD}") : text
}
