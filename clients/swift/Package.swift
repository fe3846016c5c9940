// swift-tools-version: 6.0
import PackageDescription

let settings: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny")]

let package = Package(
    name: "cuebx-swift",
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [
        .library(name: "CueBX", targets: ["CueBX"])
    ],
    dependencies: [
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.24.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.78.0"),
    ],
    targets: [
        .target(
            name: "CueBX",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        // Takes the steps of the scenarios that the clients of all languages share.
        .executableTarget(
            name: "driver", dependencies: ["CueBX"], path: "Tests/Driver", swiftSettings: settings),
        // What the README begins with.
        .executableTarget(
            name: "quickstart", dependencies: ["CueBX"], path: "Tests/Quickstart",
            swiftSettings: settings),
        .testTarget(name: "CueBXTests", dependencies: ["CueBX"], swiftSettings: settings),
    ]
)
