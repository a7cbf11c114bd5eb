// swift-tools-version: 6.0
// An app without a screen, which drives a running gateway: see ../swift.sh.
import PackageDescription

let package = Package(
    name: "drive",
    dependencies: [.package(path: "../../mobile-bindings/swift")],
    targets: [
        .executableTarget(name: "drive", dependencies: [.product(name: "Safelight", package: "swift")])
    ]
)
