//! Hides AVX-512 from libraries that select instructions by CPUID.
//!
//! Linux on x86-64 can make CPUID raise SIGSEGV in a thread and all threads that it starts. The handler executes the
//! instruction with the trap disabled, clears the bits of everything wider than AVX2, and continues after the instruction.
//! Nothing else becomes slower, because only CPUID traps, and libraries execute it once, when they are loaded.

use engine::Result;

/// From now on, CPUID reports at most AVX2 in this thread and the threads that it starts.
///
/// # Errors
///
/// If the system or the processor does not support it.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn to_avx2() -> Result<()> {
    trap::install()?;
    let (wide, narrow) = (std::is_x86_feature_detected!("avx512f"), std::is_x86_feature_detected!("avx2"));
    if wide || !narrow {
        return Err("CPUID was executed before the trap was installed".into());
    }
    Ok(())
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub fn to_avx2() -> Result<()> {
    Err("only Linux on x86-64 can hide instructions from a library".into())
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod trap {
    use std::arch::x86_64::{__cpuid_count, CpuidResult};
    use std::io;

    /// `ARCH_SET_CPUID` of `arch_prctl(2)`: 0 enables the trap, 1 disables it.
    const SET_CPUID: libc::c_int = 0x1012;
    const CPUID: [u8; 2] = [0x0f, 0xa2];

    pub fn install() -> io::Result<()> {
        // SAFETY: zeros are a valid `sigaction`, the handler has the signature that SA_SIGINFO requires, and the system
        // call takes no pointers.
        let done = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = answer as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()) == 0 && set_cpuid(0)
        };
        if done { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn set_cpuid(value: libc::c_long) -> bool {
        // SAFETY: the system call takes two numbers.
        unsafe { libc::syscall(libc::SYS_arch_prctl, SET_CPUID, value) == 0 }
    }

    /// Emulates one CPUID. It allocates nothing and calls only functions that are safe in a signal handler.
    extern "C" fn answer(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: with SA_SIGINFO the kernel passes a `ucontext_t`, whose RIP is the address of the instruction that raised
        // the signal. If it cannot be read, the second fault within the handler ends the process.
        unsafe {
            let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
            let at = registers[libc::REG_RIP as usize] as *const [u8; 2];
            if at.read() != CPUID || !set_cpuid(1) {
                // Any other fault is raised again and then ends the process, as it would without the handler.
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
                return;
            }
            let leaf = registers[libc::REG_RAX as usize] as u32;
            let part = registers[libc::REG_RCX as usize] as u32;
            let found = narrowed(leaf, part, __cpuid_count(leaf, part));
            set_cpuid(0);
            registers[libc::REG_RAX as usize] = found.eax.into();
            registers[libc::REG_RBX as usize] = found.ebx.into();
            registers[libc::REG_RCX as usize] = found.ecx.into();
            registers[libc::REG_RDX as usize] = found.edx.into();
            registers[libc::REG_RIP as usize] += CPUID.len() as i64;
        }
    }

    /// The result of CPUID without AVX-512, AVX10, AMX and AVX-VNNI.
    fn narrowed(leaf: u32, part: u32, mut found: CpuidResult) -> CpuidResult {
        match (leaf, part) {
            (0x7, 0) => {
                // F, DQ, IFMA, PF, ER, CD, BW, VL
                found.ebx &= !bits(&[16, 17, 21, 26, 27, 28, 30, 31]);
                // VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ
                found.ecx &= !bits(&[1, 6, 11, 12, 14]);
                // 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, FP16, AMX-TILE, AMX-INT8
                found.edx &= !bits(&[2, 3, 8, 22, 23, 24, 25]);
            }
            (0x7, 1) => {
                // AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA
                found.eax &= !bits(&[4, 5, 21, 23]);
                // AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10
                found.edx &= !bits(&[4, 5, 8, 10, 19]);
            }
            // The registers that the system saves: opmasks, ZMM0–15, ZMM16–31, tiles.
            (0xd, 0) => found.eax &= !bits(&[5, 6, 7, 17, 18]),
            // Tile information, TMUL, AVX10.
            (0x1d | 0x1e | 0x24, _) => found = CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 },
            _ => {}
        }
        found
    }

    fn bits(which: &[u32]) -> u32 {
        which.iter().fold(0, |all, bit| all | 1 << bit)
    }
}
