plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

/** Android's names of processors, and Rust's. */
val abis = mapOf("arm64-v8a" to "aarch64-linux-android", "x86_64" to "x86_64-linux-android")

android {
    namespace = "org.safelight.app"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.safelight.app"
        minSdk = 30
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        ndk { abiFilters += abis.keys }
    }

    buildTypes {
        release {
            // JNA finds the bindings' methods by name.
            isMinifyEnabled = false
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    sourceSets["main"].apply {
        java.srcDir("src/main/kotlin")
        // The hand-written wrapper, and what `make bindings` writes.
        java.srcDir("../../mobile-bindings/kotlin/src/main/kotlin")
        java.srcDir("../../target/bindings/kotlin")
        jniLibs.srcDir(layout.buildDirectory.dir("rust"))
    }
}

kotlin { compilerOptions { jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17 } }

dependencies {
    implementation(libs.coroutines)
    implementation(libs.zxing)
    implementation(variantOf(libs.jna) { artifactType("aar") })
}

/** The core for phones: `cargo install cargo-ndk`, `rustup target add aarch64-linux-android x86_64-linux-android`, and the NDK. */
val buildCore by tasks.registering(Exec::class) {
    workingDir = rootDir.resolve("..")
    val platform = android.defaultConfig.minSdk.toString()
    val targets = abis.keys.flatMap { listOf("-t", it) }
    val out = layout.buildDirectory.dir("rust").get().asFile.path
    commandLine(
        listOf("cargo", "ndk") + targets + listOf("--platform", platform, "-o", out) +
            listOf("build", "--release", "--locked", "-p", "safelight-mobile"),
    )
}

/** The Kotlin side of the bindings, from the library that is built for this machine. */
val writeBindings by tasks.registering(Exec::class) {
    workingDir = rootDir.resolve("..")
    commandLine("make", "bindings")
}

tasks.named("preBuild") { dependsOn(buildCore, writeBindings) }
