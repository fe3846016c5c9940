import Foundation

/// libFuzzer's entry: the target that `FUZZ_TARGET` names gets every input that libFuzzer makes.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        print("FUZZ_TARGET must be one of", FuzzTarget.allCases.map(\.rawValue))
        exit(2)
    }
    return target
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    do {
        try target.run(input)
    } catch {
        print("\(target.rawValue): \(error)")
        fflush(nil)
        abort()
    }
    return 0
}
