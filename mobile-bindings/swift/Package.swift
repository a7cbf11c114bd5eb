// swift-tools-version: 6.0
// The wrapper `Safelight` over the generated bindings. `prepare.sh` puts those, and the library, where this expects them.
import PackageDescription

let package = Package(
    name: "Safelight",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Safelight", targets: ["Safelight", "SafelightMobile"])],
    targets: [
        // The C side: a header and a module map. On iOS an XCFramework of the static library takes its place.
        .systemLibrary(name: "SafelightMobileFFI"),
        .target(
            name: "SafelightMobile",
            dependencies: ["SafelightMobileFFI"],
            // The generated code is written for Swift 5.
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: [.linkedLibrary("safelight_mobile")]
        ),
        .target(name: "Safelight", dependencies: ["SafelightMobile"]),
    ]
)
