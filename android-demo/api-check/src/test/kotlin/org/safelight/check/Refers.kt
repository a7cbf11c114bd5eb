package org.safelight.check

import java.io.File
import org.objectweb.asm.ClassReader
import org.objectweb.asm.ClassVisitor
import org.objectweb.asm.FieldVisitor
import org.objectweb.asm.MethodVisitor
import org.objectweb.asm.Opcodes
import org.objectweb.asm.Type

/** A class, a method or a field of another class that a compiled class names: `java/io/File`, `java/io/File.delete`. */
data class Reference(val from: String, val to: String)

/**
 * Everything outside itself that a class names, by its constant pool: classes, members, and the types in their descriptors. What is not in
 * the pool cannot be called but by reflection, and reflection is looked for as well.
 */
fun references(bytes: ByteArray): Set<Reference> {
    val reader = ClassReader(bytes)
    val from = reader.className
    val buffer = CharArray(reader.maxStringLength)
    val named = sortedSetOf<String>()
    for (item in 1 until reader.itemCount) {
        // The offset is that of the item's content, one behind its tag.
        val at = reader.getItem(item)
        if (at == 0) continue
        when (reader.readByte(at - 1)) {
            CLASS -> named += classes(reader.readUTF8(at, buffer))
            FIELD, METHOD, INTERFACE_METHOD -> {
                val owner = classes(reader.readClass(at, buffer)).firstOrNull() ?: continue
                val nameAndType = reader.getItem(reader.readUnsignedShort(at + 2))
                named += "$owner.${reader.readUTF8(nameAndType, buffer)}"
                named += classes(reader.readUTF8(nameAndType + 2, buffer))
            }
            NAME_AND_TYPE -> named += classes(reader.readUTF8(at + 2, buffer))
            METHOD_TYPE -> named += classes(reader.readUTF8(at, buffer))
        }
    }
    // What a class inherits it names as its own: an activity's `getCacheDir`.
    val own = declared(reader) + from
    return named.filter { it !in own }.map { Reference(from, it) }.toSet()
}

/** The members that a class declares itself. */
private fun declared(reader: ClassReader): Set<String> {
    val members = mutableSetOf<String>()
    val visitor = object : ClassVisitor(Opcodes.ASM9) {
        override fun visitMethod(access: Int, name: String, descriptor: String, signature: String?, exceptions: Array<String>?): MethodVisitor? {
            members += "${reader.className}.$name"
            return null
        }

        override fun visitField(access: Int, name: String, descriptor: String, signature: String?, value: Any?): FieldVisitor? {
            members += "${reader.className}.$name"
            return null
        }
    }
    reader.accept(visitor, ClassReader.SKIP_CODE)
    return members
}

/** The same for every class below a folder. */
fun references(folder: File): Set<Reference> =
    folder.walkTopDown().filter { it.extension == "class" }.flatMap { references(it.readBytes()) }.toSet()

/** The classes in an internal name or a descriptor. */
private fun classes(text: String): List<String> = when {
    text.startsWith("(") -> (Type.getArgumentTypes(text).toList() + Type.getReturnType(text)).flatMap { classes(it.descriptor) }
    text.startsWith("[") || text.endsWith(";") -> Type.getType(text).run {
        val inner = if (sort == Type.ARRAY) elementType else this
        if (inner.sort == Type.OBJECT) listOf(inner.internalName) else emptyList()
    }
    text.length == 1 -> emptyList()
    else -> listOf(text)
}

// Java Virtual Machine Specification, 4.4.
private const val CLASS = 7
private const val FIELD = 9
private const val METHOD = 10
private const val INTERFACE_METHOD = 11
private const val NAME_AND_TYPE = 12
private const val METHOD_TYPE = 16
